// Only so that Go tools leave main.go alone: `build` compiles it inside kind.
module packwright.dev/tests/upstream/kind

go 1.24
