// Only marks the folder: what is built against is said by minors/*.mod.
module packwright.dev/tests/upstream/server

go 1.20
