// SPDX-License-Identifier: Apache-2.0
/**
 * System calls. {@link dev.samara.emulator.linux.call.SystemCalls} reads the number and the arguments from the
 * registers of a thread, and selects the call by a switch. The classes of the calls are named {@code ...Calls}. The
 * result is what the guest sees: a number, or a negated errno.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>{@code mmap}, {@code membarrier} and all other memory calls</td>
 *       <td>{@code MemoryCalls}; {@code SegmentCalls} for {@code shmat}</td></tr>
 *   <tr><td>{@code openat}, {@code pipe2}, {@code memfd_create}</td>
 *       <td>{@code FileCalls}</td></tr>
 *   <tr><td>{@code read}, {@code write}, {@code sendfile}, {@code getdents64}</td>
 *       <td>{@code TransferCalls}</td></tr>
 *   <tr><td>{@code dup}, {@code fcntl}, {@code flock}, {@code ioctl}; {@code ppoll}, {@code pselect6}</td>
 *       <td>{@code DescriptorCalls}; {@code PollCalls}</td></tr>
 *   <tr><td>{@code stat}, {@code chmod}; {@code unlink}, {@code rename}; {@code chdir}; path resolution</td>
 *       <td>{@code PathCalls}</td></tr>
 *   <tr><td>{@code clone}; {@code execve}; {@code wait4}, {@code prlimit64}, {@code uname}</td>
 *       <td>{@code CloneCalls}; {@code ExecCalls}; {@code ProcessCalls}</td></tr>
 *   <tr><td>{@code kill}, {@code rt_sigaction}; {@code futex}; {@code nanosleep}, {@code clock_gettime}</td>
 *       <td>{@code SignalCalls}; {@code FutexCalls}; {@code TimeCalls}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.emulator.linux.call;

import org.jspecify.annotations.NullMarked;
