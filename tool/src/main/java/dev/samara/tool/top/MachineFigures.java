// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;

/**
 * A machine in a sample.
 *
 * @param name its name in the view
 * @param used bytes of its frames in use
 * @param memory bytes that it may use
 * @param tables bytes of page tables
 * @param committed bytes that are committed to its spaces
 * @param spaces the number of spaces that have users
 * @param events its events since it was made, and those of machines whose place it has taken
 * @param listed the spaces that have lines of their own
 */
public record MachineFigures(
        String name,
        long used,
        long memory,
        long tables,
        long committed,
        int spaces,
        EventTotals events,
        List<SpaceFigures> listed) {
    SpaceFigures listed(String space) {
        return listed.stream()
                .filter(each -> each.name().equals(space))
                .findFirst()
                .orElse(new SpaceFigures(space, 0, 0, 0, 0, EventTotals.NONE));
    }
}
