// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * A space in a sample.
 *
 * @param name its name in the view
 * @param vmas the number of its mappings
 * @param mapped the size of its mappings in bytes
 * @param resident the size of its resident pages in bytes
 * @param tables the size of its page tables in bytes
 * @param events its events since it was created
 */
public record SpaceFigures(String name, long vmas, long mapped, long resident, long tables, EventTotals events) {}
