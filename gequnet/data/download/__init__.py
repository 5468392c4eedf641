"""Download, licences and verification of datasets."""
