// SPDX-License-Identifier: Apache-2.0
/**
 * System calls. {@link dev.samara.emulator.linux.call.SystemCalls} reads the number and the arguments from the
 * registers of a thread, and calls the class that implements the call. These classes are named {@code ...Calls}. The
 * result is what the guest sees: a number, or a negated errno.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>{@code mmap} and all other memory calls</td>
 *       <td>{@code MemoryCalls}; {@code SegmentCalls} for {@code shmat}; {@code BarrierCalls} for {@code
 *       membarrier}</td></tr>
 *   <tr><td>{@code openat}, {@code pipe2}, {@code eventfd2}, {@code memfd_create}</td>
 *       <td>{@code FileCalls}</td></tr>
 *   <tr><td>{@code read}, {@code write}, {@code sendfile}, {@code getdents64}</td>
 *       <td>{@code TransferCalls}</td></tr>
 *   <tr><td>{@code dup}, {@code fcntl}, {@code ioctl}, {@code ppoll}; {@code pselect6}</td>
 *       <td>{@code DescriptorCalls}; {@code RequestCalls} for {@code ioctl}; {@code SelectCalls}</td></tr>
 *   <tr><td>{@code stat}, {@code access}; {@code mknodat}, {@code unlink}, {@code rename}, {@code link}</td>
 *       <td>{@code StatusCalls}; {@code NameCalls}</td></tr>
 *   <tr><td>{@code chdir}, {@code readlink}, {@code truncate}; path resolution</td>
 *       <td>{@code PathCalls}</td></tr>
 *   <tr><td>{@code clone}, {@code exit}; {@code execve}; {@code wait4}, {@code prlimit64}, {@code uname}</td>
 *       <td>{@code CloneCalls}; {@code ExecCalls}; {@code ProcessCalls}</td></tr>
 *   <tr><td>{@code clone3}; {@code pidfd_open}</td>
 *       <td>{@code CloneArguments}; {@code PidCalls}</td></tr>
 *   <tr><td>{@code setuid}, {@code getgroups}</td>
 *       <td>{@code UserCalls}</td></tr>
 *   <tr><td>{@code kill}, {@code rt_sigaction}; {@code futex}; {@code nanosleep}, {@code clock_gettime}</td>
 *       <td>{@code SignalCalls}; {@code FutexCalls}, {@code FutexVector}; {@code TimeCalls}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.emulator.linux.call;

import org.jspecify.annotations.NullMarked;
