module example.com/outside

go 1.26

replace github.com/darktrace-go/darktrace => ../../..

require (
	github.com/darktrace-go/darktrace v0.0.0-00010101000000-000000000000
	github.com/go-json-experiment/json v1.27.2
)

require github.com/google/go-querystring v1.2.0 // indirect
