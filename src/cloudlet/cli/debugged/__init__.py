"""What `cloudlet invoke --debug` puts into the copy of a function, by runtime."""
