// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * A space in a sample.
 *
 * @param name its name in the view
 * @param vmas its mappings
 * @param mapped bytes of its mappings
 * @param resident bytes that it has in memory
 * @param tables bytes of its page tables
 * @param events its events since it was made
 */
public record SpaceFigures(String name, long vmas, long mapped, long resident, long tables, EventTotals events) {}
