// SPDX-License-Identifier: Apache-2.0
/**
 * CPUs on their way between spaces and between threads, and the pools that lend them.
 *
 * <p>A {@link dev.samara.core.internal.vcpu.Vcpu} is a CPU with its {@linkplain
 * dev.samara.core.internal.guest.CpuMemory memory} and its {@linkplain dev.samara.core.internal.tlb.CpuTlb TLB}. It
 * refers to no class of the API, and knows a reference to a space only as an object that it returns. So pools and the
 * API's {@code Cpu} use the same steps.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What takes a CPU to another space, to LAZY, or to none?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.Vcpu}</td></tr>
 *   <tr><td>What takes it to another thread?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.OwnerChange}</td></tr>
 *   <tr><td>What takes it to a borrowed space, and back?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.UseMm}</td></tr>
 *   <tr><td>What replaces its space by a new one ({@code execve})?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.ExecMmap}</td></tr>
 *   <tr><td>Which CPU does a thread get that enters a space, and when does it leave GUEST by itself?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.GuestCpus}, {@link dev.samara.core.internal.vcpu.PooledCpu}</td></tr>
 *   <tr><td>Which CPU copies between a space and a buffer?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.RemoteCpus}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.vcpu;

import org.jspecify.annotations.NullMarked;
