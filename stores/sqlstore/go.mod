module github.com/darktrace-go/darktrace/stores/sqlstore

go 1.26

replace github.com/darktrace-go/darktrace => ../..

require github.com/darktrace-go/darktrace v0.1.0

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
)
