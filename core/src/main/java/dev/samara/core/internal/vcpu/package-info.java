// SPDX-License-Identifier: Apache-2.0
/**
 * How CPUs move between spaces and between threads, and the pools that lend them.
 *
 * <p>A {@link dev.samara.core.internal.vcpu.Vcpu} is a CPU with its {@linkplain
 * dev.samara.core.internal.guest.CpuMemory memory} and its {@linkplain dev.samara.core.internal.tlb.CpuTlb TLB}. It
 * depends on no API class, and treats a reference to a space as an opaque object, so that the pools and the API's
 * {@code Cpu} can share these steps.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What switches a CPU to another space, to LAZY, to no space, or to a borrowed space and back? What replaces
 *       its space with a new one ({@code execve})? What hands it over to another thread?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.Vcpu}</td></tr>
 *   <tr><td>Which CPU does a thread get when it enters a space, and when does that CPU leave GUEST by itself? Which CPU
 *       copies between a space and a buffer?</td>
 *       <td>{@link dev.samara.core.internal.vcpu.GuestCpus}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.vcpu;

import org.jspecify.annotations.NullMarked;
