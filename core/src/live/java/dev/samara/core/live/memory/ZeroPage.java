// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.mman.Mman;
import dev.samara.testing.judge.Task;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Determines whether the kernel maps the zero page when untouched memory is read, as Linux does on x86-64. The guest
 * kernels of some hypervisors allocate a page instead, so they count different amounts, and prepare an {@code anon_vma}
 * where Linux does not. With such a kernel, the library is compared on a machine that {@linkplain
 * dev.samara.core.MachineBuilder#forbidZeroPage forbids} the zero page.
 */
final class ZeroPage {
    /** An address at which a judge has no memory. */
    private static final long AT = 0x1000_0000L;

    private static final int FLAGS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED_NOREPLACE;

    private ZeroPage() {}

    /**
     * Returns whether a kernel maps the zero page.
     *
     * @param task a task of the kernel, which is unchanged afterwards
     */
    static boolean isMapped(Task task) {
        return resident(task) == 0;
    }

    /** Returns how many bytes the kernel counts as resident for a page that was only read. */
    private static long resident(Task task) {
        long length = KernelWorld.GEOMETRY.pageSize();
        long at = task.call(Kernel.MMAP, AT, length, Mman.READ, FLAGS, -1, 0);
        if (at != AT || !task.load(1, AT).isDone()) {
            throw new IllegalStateException("no page at " + Long.toHexString(AT) + ": " + at);
        }
        String smaps = new String(task.file("/proc/self/smaps").orElseThrow(), StandardCharsets.ISO_8859_1);
        task.call(Kernel.MUNMAP, AT, length);
        int mapping = smaps.indexOf(String.format(Locale.ROOT, "%x-%x ", AT, AT + length));
        if (mapping < 0) {
            throw new IllegalStateException("no mapping of one page at " + Long.toHexString(AT) + " in " + smaps);
        }
        return KernelWorld.amount(smaps.substring(mapping), "Rss:");
    }
}
