// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * A task that waits only for CPUs, grace periods and memory, and calls no code of the embedder that may wait for
 * anything else. A thread that waits within an operation or a fault may run it, and may wait for it.
 */
public interface PromptTask extends Runnable {}
