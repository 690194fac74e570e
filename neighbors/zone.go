package neighbors

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// CheckZone refuses an IPv6 link-local address without a zone, or with one that names no interface
// of ours: datagrams to it would go nowhere, or to another link. links are the names of the
// interfaces that are up; a zone may also be a number.
func CheckZone(a netip.Addr, links []string) error {
	if !a.Is6() || !a.IsLinkLocalUnicast() {
		return nil
	}
	zone := a.Zone()
	if _, err := strconv.Atoi(zone); err == nil || slices.Contains(links, zone) {
		return nil
	}
	var could []string
	for _, l := range links[:min(len(links), 4)] {
		could = append(could, a.WithZone("").String()+"%"+l)
	}
	text := fmt.Sprintf("%s is a link-local address: add the interface that it is on", a)
	if zone != "" {
		text = fmt.Sprintf("there is no interface %s here", zone)
	}
	if len(could) > 0 {
		text += ": " + strings.Join(could, " or ")
	}
	return fmt.Errorf("%s", text)
}
