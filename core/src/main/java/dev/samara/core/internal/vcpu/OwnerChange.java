// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.guest.TranslatedMemory;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import org.jspecify.annotations.Nullable;

/**
 * Passes a CPU from thread to thread, outside GUEST: a thread hands it over and another thread claims it, or a pool
 * lends it and takes it back. The CPU keeps its space and its translations.
 */
public final class OwnerChange {
    /** The stack that a change of owners needs, in stack frames. */
    private static final int OWNER_DEPTH = 40;

    private OwnerChange() {}

    /** Hands a CPU over, so that another thread can {@linkplain #claim claim} it. */
    public static void handOver(Vcpu cpu) {
        cpu.memory().checkOwner();
        CpuTlb used = cpu.tlb();
        if (used != null) {
            cpu.checkUnused(used, "it is handed over");
        }
        cpu.speculate();
        StackReserve.check(OWNER_DEPTH);
        disown(cpu);
    }

    /**
     * Allocates nothing, because a CPU for which only some words show that it was handed over could neither be used nor
     * claimed.
     */
    private static void disown(Vcpu cpu) {
        PageTableContext context = cpu.context();
        CpuTlb tlb = cpu.tlb();
        TranslatedMemory translated = cpu.translated();
        if (context != null && tlb != null && translated != null) {
            context.reader().ownedBy(null);
            ThreadCpus.remove(tlb.state);
            translated.ownedBy(null);
        }
        cpu.memory().ownedBy(null);
        cpu.owner().disown();
    }

    /** Makes the calling thread the owner of a CPU that was {@linkplain #handOver handed over}. */
    public static void claim(Vcpu cpu) {
        Thread caller = Thread.currentThread();
        // Checked first, because an owner that is stored in only some of the words could neither use the CPU nor hand
        // it over.
        StackReserve.check(OWNER_DEPTH);
        ThreadCpus.reserve();
        Thread other = cpu.owner().claim();
        if (other != null) {
            ThreadCpus.giveUpReserve();
            CpuTlb used = cpu.tlb();
            if (other == caller && used != null) {
                // In GUEST, the error names GUEST, like the errors of all calls that are not allowed there.
                cpu.checkUnused(used, "it is handed over");
            }
            throw new IllegalStateException(
                    cpu + " is claimed by thread " + caller.getName() + " and owned by " + other.getName());
        }
        boolean isOwned = false;
        try {
            own(cpu, caller, null);
            isOwned = true;
        } finally {
            if (!isOwned) {
                disown(cpu);
            }
        }
    }

    /** Stores the new owner in all words of a CPU except in {@link Vcpu#owner}. */
    private static void own(Vcpu cpu, Thread caller, IdleCpus.@Nullable LentCpu by) {
        PageTableContext context = cpu.context();
        CpuTlb tlb = cpu.tlb();
        TranslatedMemory translated = cpu.translated();
        if (context != null && tlb != null && translated != null) {
            context.reader().ownedBy(caller);
            if (by == null) {
                ThreadCpus.add(tlb.state);
            } else {
                by.list(tlb.state);
            }
            translated.ownedBy(caller);
        }
        cpu.memory().ownedBy(caller);
    }

    /**
     * Makes the calling thread the owner of an idle CPU of a pool. If this throws, the CPU has no owner. Allocates
     * nothing in the steady state. Does not check the stack, because a CPU for which this fails is lost, and is
     * detected as lost.
     *
     * @param by the element of the pool that lends the CPU
     */
    static void lend(Vcpu cpu, IdleCpus.LentCpu by) {
        cpu.owner().own();
        boolean isOwned = false;
        try {
            own(cpu, Thread.currentThread(), by);
            isOwned = true;
        } finally {
            if (!isOwned) {
                takeBack(cpu, by);
            }
        }
        cpu.memory().reset();
    }

    /**
     * Ends {@link #lend}. The reader keeps the thread's name for reports, so that the next loan to the same thread need
     * not store it.
     */
    static void takeBack(Vcpu cpu, IdleCpus.LentCpu by) {
        CpuTlb tlb = cpu.tlb();
        TranslatedMemory translated = cpu.translated();
        if (tlb != null && translated != null) {
            by.unlist(tlb.state);
            translated.ownedBy(null);
        }
        cpu.memory().ownedBy(null);
        cpu.owner().disown();
    }

    /**
     * Ends an idle CPU of a pool without creating a list of the thread's CPUs for it.
     *
     * @param isLater see {@link Vcpu#switchTo(dev.samara.core.internal.space.Layout, boolean)}
     */
    static void end(Vcpu cpu, boolean isLater) {
        Thread caller = Thread.currentThread();
        cpu.owner().own();
        TranslatedMemory translated = cpu.translated();
        if (translated != null) {
            translated.ownedBy(caller);
        }
        cpu.memory().ownedBy(caller);
        try {
            cpu.enter(null, null);
            cpu.release();
        } finally {
            cpu.endLeft(isLater);
        }
    }
}
