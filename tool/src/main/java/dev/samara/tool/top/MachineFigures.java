// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;

/**
 * A machine in a sample.
 *
 * @param name its name in the view
 * @param used the size in bytes of its frames that are in use
 * @param memory the size of its memory in bytes
 * @param tables the size of its page tables in bytes
 * @param committed the memory that is committed to its spaces in bytes
 * @param spaces the number of spaces that have users
 * @param events its events since it was created, plus the events of the machines that it replaced in the view
 * @param listed the spaces that have separate lines
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
