// Only marks the folder: what is built against is said by minors/*.mod.
module packwright.dev/tests/upstream/apiserver

go 1.20
