package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestRefusalNamesThePermissionOfItsPath(t *testing.T) {
	t.Parallel()
	for request, want := range map[[2]string]string{
		{"GET", "/aianalyst/groups"}:                 `the permission "Visualizer"`,
		{"GET", "/modelbreaches/7/comments"}:         `the permission "Visualizer"`,
		{"POST", "/modelbreaches/7/comments"}:        `the permission "Discuss Breaches"`,
		{"POST", "/antigena"}:                        `the permissions "Darktrace RESPOND", "Unrestricted Devices", "Visualizer"`,
		{"GET", "/antigena"}:                         `the permission "Visualizer"`,
		{"DELETE", "/tags/9/entities/4"}:             `the permission "Edit Tags"`,
		{"GET", "/tags/entities"}:                    `the permission "Visualizer"`,
		{"GET", "/pcaps/a.pcap"}:                     `the permissions "Create PCAPs", "Download PCAPs"`,
		{"GET", "/advancedsearch/api/search/e30%3D"}: `the permissions "Unrestricted Devices", "Advanced Search"`,
	} {
		client, err := darktrace.NewClient(baseURL+"/products/4711", newAuth(t), darktrace.WithTransport(responding(403, `{"error":"Forbidden"}`)))
		require.NoError(t, err)
		err = client.Do(t.Context(), &darktrace.Request{Method: request[0], Path: request[1]}, nil)
		require.ErrorIs(t, err, darktrace.ErrPermission)
		assert.Contains(t, err.Error(), "the token's user needs "+want, request)
	}
}
