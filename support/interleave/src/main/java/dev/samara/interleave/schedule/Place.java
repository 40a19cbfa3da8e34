// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

/** An access, identified by its location and its site in the code. */
record Place(Access access) {
    @Override
    public boolean equals(Object other) {
        return other instanceof Place place
                && access.base() == place.access.base()
                && access.index() == place.access.index()
                && access.site().equals(place.access.site());
    }

    @Override
    public int hashCode() {
        return access.site().hashCode() + 31 * access.index();
    }
}
