// SPDX-License-Identifier: Apache-2.0
/**
 * Injects one failure per run, at a point where it can really occur.
 *
 * <p>A loader of {@link dev.samara.interleave.instrument} can add <em>failure points</em> to the production classes:
 * calls of {@link dev.samara.interleave.failure.FailurePoints} before each instruction that may fail. A run has one
 * {@link dev.samara.interleave.failure.Injection}. It counts the points of one {@link
 * dev.samara.interleave.failure.FailureKind} that certain threads reach, and the n-th of them fails. A sweep runs the
 * scenario for each n, until a run does not reach its n-th point.
 *
 * <ul>
 *   <li><em>Allocations</em>: {@code new}, arrays, capturing lambdas, and each call to the JDK and JCTools, e.g. an
 *       offer to a queue, except for the calls that are known to allocate nothing (listed in {@code ForeignCalls}).
 *   <li><em>Stack overflow</em>: each method entry. The stack has a maximum size in bytes, counted in frames of the
 *       interpreter, and each entry that does not fit throws. An error that is injected only at the n-th entry would be
 *       less realistic. It could be thrown in a {@code finally} block that needs less stack than its {@code try} block,
 *       where no real stack overflows.
 *   <li><em>Frames</em>: no frame is free, or a frame store has no memory for more frames.
 *   <li><em>Threads and tasks</em>: a thread cannot be started, or an executor rejects a task.
 *   <li><em>Callbacks</em>: a call to a backing, frame store or listener throws a RuntimeException, an Error, or a
 *       checked exception that it does not declare.
 * </ul>
 *
 * <p>Failures of calls to the host are injected differently: the tests' file channel gets the outcome of each call from
 * a {@link dev.samara.interleave.failure.HostFault}.
 *
 * <p>The classes of this package are loaded once and not instrumented; the scenarios of {@code sweep} are instrumented.
 */
@NullMarked
package dev.samara.interleave.failure;

import org.jspecify.annotations.NullMarked;
