// SPDX-License-Identifier: Apache-2.0
/**
 * CPUs as others see them: who uses which space's translations now, and how they are told to drop some.
 *
 * <p>A {@link dev.samara.core.cpu.Context} is what a space is to translation caches: a number that no other ever has,
 * and a generation, which grows after each change of the page table that some CPU may not see. A {@link
 * dev.samara.core.cpu.CpuState} is a CPU's state and context in one word, so that who changed something sees with one
 * read whether he has to wait; {@link dev.samara.core.cpu.Cpus} has them all, and waits. A context that nobody uses can
 * be ended instead of being flushed; a CPU that is LAZY keeps its translations, and is no user. A {@link
 * dev.samara.core.cpu.FlushLog} keeps the ranges of the last generations, for who catches up.
 */
@NullMarked
package dev.samara.core.cpu;

import org.jspecify.annotations.NullMarked;
