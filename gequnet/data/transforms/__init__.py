"""What happens to a scene on its way to the network: normalisation, cropping, augmentation."""
