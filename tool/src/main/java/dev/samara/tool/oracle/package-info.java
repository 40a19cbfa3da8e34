// SPDX-License-Identifier: Apache-2.0
/**
 * Random operations that were made on a real kernel, with the list of VMAs after each of them ({@code .oracle.gz}).
 *
 * <p>The operations were made in an {@link dev.samara.tool.oracle.Arena}: the rest of the address space was filled, so
 * no operation could use an address outside the arena. {@link dev.samara.tool.oracle.OracleCheck} makes the same calls
 * in an equal arena, and formats its VMAs as in the recording. It compares each result and each list, including
 * boundaries, order and flags.
 *
 * <p>The mode {@code vma} checks only layouts. In the modes {@code touch} and {@code fork}, memory is also read and
 * written, and the contents of all pages are compared. Each access is made by a random CPU.
 */
@NullMarked
package dev.samara.tool.oracle;

import org.jspecify.annotations.NullMarked;
