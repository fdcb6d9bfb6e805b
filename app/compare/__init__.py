"""The Compare page: contenders, their shared setting, the race's picture and table."""
