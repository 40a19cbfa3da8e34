// SPDX-License-Identifier: Apache-2.0
/**
 * Random operations that were made on a real kernel, with the list of VMAs after each of them ({@code .oracle.gz}).
 *
 * <p>The operations worked in an {@link dev.samara.tool.oracle.Arena}: the rest of the address space was filled, so
 * no operation could use an address outside the arena. {@link dev.samara.tool.oracle.OracleCheck} makes these calls
 * in an equal arena and writes its VMAs in the recording's format. It compares each result and each list, boundaries,
 * order and flags included.
 *
 * <p>Only the mode {@code vma} is about layouts alone. In the modes {@code touch} and {@code fork} memory is read and
 * written too, and the contents of all pages are compared. A random one of some CPUs makes each access.
 */
@NullMarked
package dev.samara.tool.oracle;

import org.jspecify.annotations.NullMarked;
