// SPDX-License-Identifier: Apache-2.0
/**
 * The running kernel as a judge: a small program ({@code src/main/judge}) executes the system calls, loads and stores
 * that a test requests, and reports the kernel's answers. It is built for Linux on x86-64, where the kernel of the
 * machine runs it, and on RV64, where the emulator does.
 */
@NullMarked
package dev.samara.testing.judge;

import org.jspecify.annotations.NullMarked;
