// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import dev.samara.core.AddressSpace;
import dev.samara.core.Residency;
import org.jspecify.annotations.Nullable;

/**
 * A space that has a line in the view.
 *
 * @param name its name in the view
 * @param space the space, whose owner may close it at any time
 */
public record WatchedSpace(String name, AddressSpace space) {
    /** Returns the present figures; null if the space has ended. */
    @Nullable
    SpaceFigures figures() {
        try {
            if (space.users() == 0) {
                return null;
            }
            long pageSize = space.geometry().pageSize();
            Residency residency = space.residency();
            return new SpaceFigures(
                    name,
                    space.snapshot().vmas().size(),
                    residency.total() * pageSize,
                    residency.resident() * pageSize,
                    space.pageTableBytes(),
                    EventTotals.of(space.statistics()));
        } catch (IllegalStateException closed) {
            // The owner closed the space or the machine in the meantime.
            return null;
        }
    }
}
