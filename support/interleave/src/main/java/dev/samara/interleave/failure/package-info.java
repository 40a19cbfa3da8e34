// SPDX-License-Identifier: Apache-2.0
/**
 * Throws errors where they can be thrown, one in each run.
 *
 * <p>A loader of {@link dev.samara.interleave.instrument} can add <em>failure points</em> to the production
 * classes: calls of {@link dev.samara.interleave.failure.FailurePoints} before each instruction that may fail. A
 * run has one {@link dev.samara.interleave.failure.Injection}. It counts the points of one {@link
 * dev.samara.interleave.failure.FailureKind} that some threads reach, and the n-th of them throws. A sweep makes a
 * run for each n, until a run does not reach its n-th point.
 *
 * <ul>
 *   <li><em>Allocations</em>: {@code new}, arrays, lambdas that capture, and each call of the JDK and of JCTools that
 *       is not known to allocate nothing ({@code ForeignCalls} has the list). Offers to queues are among
 *       them.
 *   <li><em>The end of the stack</em>: each method entry. The stack has a number of bytes, in frames of the
 *       interpreter, and each entry that does not fit throws. An injected error at the n-th entry alone would be
 *       another thing: it would also throw in a {@code finally} that needs less stack than what it ends, where no stack
 *       can end.
 *   <li><em>Frames</em>: a frame that is not there, and a store that has no memory for more.
 *   <li><em>Threads and tasks</em>: a thread that cannot be started, an executor that refuses.
 *   <li><em>Callbacks</em>: a call of a backing, frame store or listener throws a RuntimeException, an Error, or an
 *       exception that it does not declare.
 * </ul>
 *
 * <p>A call to the host fails in another way: a channel of the tests asks a {@link
 * dev.samara.interleave.failure.HostFault} what becomes of each of its calls.
 *
 * <p>The classes of this package are loaded once; the scenarios of {@code sweep} are instrumented.
 */
@NullMarked
package dev.samara.interleave.failure;

import org.jspecify.annotations.NullMarked;
