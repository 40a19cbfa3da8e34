// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * A count of the work of the watched command.
 *
 * @param name what is counted, e.g. {@code accesses}
 * @param count the number since the start
 */
public record WorkFigure(String name, long count) {}
