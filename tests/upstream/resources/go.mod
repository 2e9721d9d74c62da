module packwright.dev/tests/upstream/resources

go 1.24
