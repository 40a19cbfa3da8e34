// SPDX-License-Identifier: Apache-2.0
/**
 * Instruments class files as they are loaded: it adds a call to the scheduler before each step.
 *
 * <p>A {@link dev.samara.interleave.instrument.SteppedClassLoader} defines all classes of {@code dev.samara}, including
 * scenarios, except for this package and the scheduler's. It reads the class files that its parent finds, so the
 * production classes and their jar are not changed. There is no agent.
 *
 * <ul>
 *   <li>Accesses through VarHandles, accesses to volatile fields, atomics, concurrent collections and byte buffers, and
 *       calls to an embedder's callbacks are announced and then performed. The call to the scheduler needs the
 *       arguments, so it is in a <em>bridge</em>: a private static method that takes them.
 *   <li>The scheduler implements monitors. A synchronized method becomes an unsynchronized one that enters and exits
 *       the scheduler's monitor around the original code.
 *   <li>{@code new ReentrantLock} and {@code extends ReentrantLock} use the scheduler's lock instead, which is a
 *       subclass, so code that uses such an object needs no change. The same applies to {@code Semaphore} and to {@code
 *       Thread}, whose {@code run} becomes {@code body}.
 *   <li>Methods about threads and time are replaced with methods of the class {@code Threads}, which {@link
 *       dev.samara.interleave.instrument.Replaced} finds by name and descriptor. To replace another method, it suffices
 *       to add a method to that class.
 *   <li>Method references are treated as the calls that they make.
 * </ul>
 *
 * <p>A call to the JDK or to JCTools is one step. {@code Object.notify} and timed waits on monitors are rejected,
 * because the modules do not use them. Garbage collection is not part of a run: reference queues are always empty.
 *
 * <p>A {@link dev.samara.interleave.mutant.Mutant} changes the source of a class, before the class is instrumented.
 */
@NullMarked
package dev.samara.interleave.instrument;

import org.jspecify.annotations.NullMarked;
