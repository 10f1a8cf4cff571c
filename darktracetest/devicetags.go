package darktracetest

import (
	"net/http"
	"slices"
)

// getEntities serves GET /tags/entities: the tags of a device, or the entities that
// have a tag.
func getEntities(s *Server, c *call) response {
	did, name := c.params.text("did"), c.params.text("tag")
	if (did == "") == (name == "") {
		return c.badInput("one of did and tag is needed")
	}
	if did != "" {
		if i := s.device(did); i >= 0 {
			return s.objects(c, tagsOf(s.collection("devices")[i]))
		}
		return s.objects(c, nil)
	}
	i := slices.IndexFunc(s.collection("tags"), func(o object) bool { return o.text("name") == name })
	if i < 0 {
		return c.notFound("there is no tag %q", name)
	}
	return s.entitiesResponse(c, s.entitiesOf(s.collection("tags")[i]))
}

// entitiesOf are the devices and users that have a tag.
func (s *Server) entitiesOf(tag object) []object {
	tid := tag.text("tid")
	var entities []object
	for _, o := range s.collection("entities") {
		if o.text("tid") == tid {
			entities = append(entities, o)
		}
	}
	for _, device := range s.collection("devices") {
		if slices.ContainsFunc(tagsOf(device), func(t object) bool { return t.text("tid") == tid }) {
			entity, _ := parseObject(mustJSON(map[string]any{
				"teid": assignment(device, tag), "tehid": assignment(device, tag), "tid": tag.raw("tid"), "entityType": "Device", "entityValue": device.text("did"), "valid": true,
			}))
			entities = append(entities, entity)
		}
	}
	return entities
}

// tagDevice serves POST /tags/entities.
func tagDevice(s *Server, c *call) response {
	i := s.device(c.text("did"))
	t := slices.IndexFunc(s.collection("tags"), func(o object) bool { return o.text("name") == c.text("tag") })
	if i < 0 || t < 0 {
		return c.badInput("there is no such device, or no such tag")
	}
	device, tag := s.collection("devices")[i], s.collection("tags")[t]
	tags := tagsOf(device)
	if !slices.ContainsFunc(tags, func(o object) bool { return o.text("tid") == tag.text("tid") }) {
		tags = append(tags, tag)
	}
	s.replace("devices", i, device.with(member{"tags", encodeObjects(tags)}))
	c.CarriedOut = true
	return jsonResponse(http.StatusOK, map[string]any{"tid": tag.raw("tid")})
}

// untagDevice serves DELETE /tags/entities.
func untagDevice(s *Server, c *call) response {
	i := s.device(c.params.text("did"))
	if i < 0 || c.params.text("tag") == "" {
		return c.badInput("there is no such device, or no tag")
	}
	device := s.collection("devices")[i]
	tags := slices.DeleteFunc(tagsOf(device), func(o object) bool { return o.text("name") == c.params.text("tag") })
	s.replace("devices", i, device.with(member{"tags", encodeObjects(tags)}))
	return s.success(c)
}
