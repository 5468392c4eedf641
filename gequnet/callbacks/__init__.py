"""What happens beside the training: records, pictures, measurements. One callback per file, named in conf/callbacks."""
