// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * A count of what the watched command itself does.
 *
 * @param name the counted things, such as {@code accesses}
 * @param count their number since the beginning
 */
public record WorkFigure(String name, long count) {}
