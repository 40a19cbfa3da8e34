// SPDX-License-Identifier: Apache-2.0
/**
 * Adds a call of the scheduler before each step to class files as they are loaded.
 *
 * <p>A {@link dev.samara.interleave.instrument.SteppedClassLoader} defines all classes of {@code dev.samara},
 * those of scenarios included, but for this package and the scheduler's. It reads the class files that its parent
 * finds, so the production classes and their jar stay as they are. There is no agent.
 *
 * <ul>
 *   <li>Accesses through a VarHandle, to volatile fields, atomics, concurrent collections and byte buffers, and calls
 *       of an embedder's callbacks, are announced and then made. The call of the scheduler needs the arguments, so it
 *       is in a <em>bridge</em>: a private static method that takes them.
 *   <li>Monitors are the scheduler's. A synchronized method becomes an unsynchronized one that enters and exits them
 *       around the original code.
 *   <li>{@code new ReentrantLock} and {@code extends ReentrantLock} become the scheduler's lock, a subclass; likewise
 *       {@code Semaphore}, and {@code Thread}, whose {@code run} becomes {@code body}. Code that has such
 *       an object needs no change.
 *   <li>Methods of threads and of time are replaced by those of one class, which {@link
 *       dev.samara.interleave.instrument.Replaced} finds by name and descriptor. A new method there is enough.
 *   <li>Method references are treated as the calls that they make.
 * </ul>
 *
 * <p>A call of the JDK or of JCTools is one step. {@code Object.notify} and the waits with a time limit are
 * refused, as the modules use none. The garbage collector is no part of a run: reference queues are empty.
 *
 * <p>A {@link dev.samara.interleave.instrument.Planting} breaks a class before its instrumentation, by its class
 * file or by its source.
 */
@NullMarked
package dev.samara.interleave.instrument;

import org.jspecify.annotations.NullMarked;
