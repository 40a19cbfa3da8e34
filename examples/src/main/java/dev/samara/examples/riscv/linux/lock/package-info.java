// SPDX-License-Identifier: Apache-2.0
/** Locks of files between the processes of a guest ({@code fs/locks.c}). */
@NullMarked
package dev.samara.examples.riscv.linux.lock;

import org.jspecify.annotations.NullMarked;
