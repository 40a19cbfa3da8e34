// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * Pages that an operation moves.
 *
 * @param from the first address of the source
 * @param to the first address of the target
 * @param length the length in bytes
 */
public record PageMove(long from, long to, long length) {}
