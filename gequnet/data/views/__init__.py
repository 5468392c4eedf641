"""Views: sources made of another source, for studies that split or magnify its images."""
