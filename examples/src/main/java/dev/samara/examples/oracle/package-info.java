// SPDX-License-Identifier: Apache-2.0
/**
 * Random operations that were made on a real kernel, with the list of VMAs after each of them ({@code .oracle.gz}).
 *
 * <p>The operations worked in an {@link dev.samara.examples.oracle.Arena}: all the rest of the address space was
 * filled, so the arena is the whole world. {@link dev.samara.examples.oracle.OracleCheck} makes the same calls in the
 * same world, writes its VMAs the way the recording does, and compares result for result and list for list, boundaries,
 * order and flags included.
 *
 * <p>Only the mode {@code vma} is about layouts alone. In the modes {@code touch} and {@code fork} memory is read and
 * written too, and the contents of all pages are compared; who accesses them is a random one of some CPUs.
 */
@NullMarked
package dev.samara.examples.oracle;

import org.jspecify.annotations.NullMarked;
