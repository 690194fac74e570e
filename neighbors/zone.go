package neighbors

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// CheckZone refuses an IPv6 link-local address that does not say on which of our links it
// is, or says one that is not there: what is sent to it goes nowhere, or to another link.
// links are the names of the interfaces that are up; a zone may also be a number.
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
