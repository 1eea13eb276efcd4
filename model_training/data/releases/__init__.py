"""The public releases of ECGs as they are downloaded: checked, listed, read one by one."""
