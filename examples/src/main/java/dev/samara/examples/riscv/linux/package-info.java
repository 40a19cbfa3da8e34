// SPDX-License-Identifier: Apache-2.0
/**
 * Linux for programs of RISC-V: processes, threads, signals, files, and the system calls.
 *
 * <p>{@link dev.samara.examples.riscv.linux.Emulation} is the machine with its processes. A thread of the guest is a
 * {@link dev.samara.examples.riscv.linux.GuestThread}: a thread of the JVM with a CPU, which alternates between the
 * interpreter and what stopped it. A system call goes through {@link dev.samara.examples.riscv.linux.SystemCalls} to
 * the class of its group. Numbers and structures are those of {@code include/uapi/asm-generic} and {@code
 * arch/riscv/include/uapi}.
 *
 * <p>{@link dev.samara.examples.riscv.linux.Debugging} is what a debugger implements to control the threads of the
 * first process. Without one, a thread asks nobody.
 *
 * <p><b>Waiting.</b> A thread that waits is outside GUEST and parked. It has put itself on the {@link
 * dev.samara.examples.riscv.linux.WaitList} of what it waits for, and looks again each time that it is woken. A signal
 * wakes it too. So no wait outlasts the end of its process.
 */
@NullMarked
package dev.samara.examples.riscv.linux;

import org.jspecify.annotations.NullMarked;
