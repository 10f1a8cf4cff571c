module github.com/darktrace-go/darktrace/examples/gateway

go 1.26.0

require (
	github.com/darktrace-go/darktrace v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/oauth2 v0.37.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/darktrace-go/darktrace => ../..
