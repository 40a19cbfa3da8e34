// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The part of {@link LinearMemory} by which a thread enters and leaves the space. The thread that uses the memory has a
 * {@link Guest} while it runs exported functions. {@link #enter} opens one, and so does each call of a function that
 * was wrapped with the method {@code entering} of the memories of a runtime.
 */
public abstract sealed class EnteredMemory permits LinearNumbers {
    /** The mask of an address, because addresses of WebAssembly are unsigned. */
    static final long ADDRESS = 0xffff_ffffL;

    private static final VarHandle USER = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "user", VarHandle.class, EnteredMemory.class, int.class);

    /** No thread uses the memory. */
    private static final int NOBODY = 0;

    /** A thread uses the memory between two calls, without a CPU. */
    private static final int BETWEEN = -1;

    private final AddressSpace space;

    /** What the runtime wants to be thrown. */
    final MemoryExceptions exceptions;

    /**
     * The accesses of the thread that entered the space, or null while no thread is in the space. Written by the thread
     * that uses this memory. A thread that does not use it may read here the accesses of another thread's CPU, and none
     * of a CPU that it owns itself: the last user stored null before it gave its CPU back.
     */
    @Nullable
    LinearAccess access;

    /**
     * The thread that has temporarily left the space, or that uses the memory between two calls. Written and read as
     * {@code access} is, so a thread finds itself here only if it is the user.
     */
    private @Nullable Thread outside;

    /**
     * The number of the CPU whose thread uses this memory, even while that thread has temporarily left the space;
     * {@code NOBODY} or {@code BETWEEN}. A number and no reference, because a compare-and-set of a reference takes
     * longer with some collectors.
     *
     * <p>Written: a thread that begins to use the memory (compare-and-exchange from {@code NOBODY}); this thread, when
     *     it ends the use (release).
     * Read: the former (compare-and-exchange).
     * Pairs: the store of {@code NOBODY} with the next compare-and-exchange: a thread sees all that the last user did
     *     with the memory.
     * Invariant: a thread has one open CPU in the space, of which no other thread's has the number. So a thread that
     *     finds its own number has left the space, and is still the user.
     */
    @SuppressWarnings("UnusedVariable") // through USER
    private int user;

    EnteredMemory(AddressSpace space, MemoryExceptions exceptions) {
        this.space = space;
        this.exceptions = exceptions;
    }

    /**
     * Returns the space of this memory, which starts at address 0 of the space. Any thread may use the space, even
     * while guest code runs. For example, a thread can {@linkplain AddressSpace#read read} and write bytes, {@linkplain
     * AddressSpace#watch watch} addresses, {@linkplain AddressSpace#collectDirty collect} the pages that were written,
     * and change the rights of pages, e.g. of a guard page below a stack. Only this memory may be mapped in the space.
     *
     * @return the space; each call returns the same reference
     */
    public final AddressSpace space() {
        return space;
    }

    /**
     * A call of an exported function, for {@link #call}.
     *
     * @param <A> what the call gets
     * @param <T> what the call returns
     */
    @FunctionalInterface
    protected interface Call<A, T> {
        /**
         * Makes the call.
         *
         * @param arguments what the call gets
         * @return what the call returns
         */
        T apply(A arguments);
    }

    /**
     * Makes a call within the space, which takes some 40 ns more than the call itself, and some 50 ns with the
     * collector G1. Accesses during the call can hit the TLB. A nested call, and a call within {@link #enter},
     * does not enter the space again.
     *
     * @param <A> what the call gets
     * @param <T> what the call returns
     * @param function runs on this thread
     * @param arguments for the function
     * @return what the function returns
     * @throws IllegalStateException if another thread uses this memory
     */
    protected final <A, T> T call(Call<? super A, ? extends T> function, A arguments) {
        if (isIn()) {
            return function.apply(arguments);
        }
        try (Guest entered = space.enter()) {
            boolean isFirst = claim(entered);
            try {
                use(entered);
                return function.apply(arguments);
            } finally {
                free(isFirst);
            }
        }
    }

    /**
     * Runs code of the host within the space. This is for code that makes many accesses, e.g. the creation of an
     * instance.
     *
     * @param <T> what the code returns
     * @param code runs on this thread
     * @return what the code returns
     * @throws IllegalStateException if another thread uses this memory
     */
    public final <T> T enter(Supplier<? extends T> code) {
        if (isIn()) {
            return code.get();
        }
        try (Guest entered = space.enter()) {
            boolean isFirst = claim(entered);
            try {
                use(entered);
                return code.get();
            } finally {
                free(isFirst);
            }
        }
    }

    /**
     * Runs code outside the space, for a function of the host that guest code calls. This is for code that takes long
     * and makes few accesses, e.g. I/O or a wait. In the meantime, no operation on the space, e.g. a fork, waits for
     * this thread. The same applies to other memories that the thread entered, until the code uses them. The code may
     * access this memory, but each access enters the space for its own duration. Calls by other threads are still
     * rejected.
     *
     * <p>The thread keeps its CPU, with its translations, and is still a user of the space. While as many memories are
     * entered on the machine as it keeps CPUs ({@link AddressSpace#enter}), including those that their threads left,
     * each further call creates a CPU and destroys it.
     *
     * @param <T> what the code returns
     * @param code runs on this thread
     * @return what the code returns
     * @throws IllegalStateException if a write listener calls this; nothing has changed then, and the code did not run
     */
    public final <T> T leave(Supplier<? extends T> code) {
        if (!isIn()) {
            return code.get();
        }
        LinearAccess accesses = opened();
        Thread before = outside;
        // First, because a write listener is refused here, and then its thread is still in the space.
        accesses.memory().leave();
        outside = Thread.currentThread();
        access = null;
        try {
            return code.get();
        } finally {
            // Before the poll, so that the thread is in the space even if the poll fails.
            access = accesses;
            outside = before;
            accesses.poll();
        }
    }

    /** Makes an access for a thread that is outside the space. */
    final void outside(Runnable code) {
        enter(() -> {
            code.run();
            return true;
        });
    }

    /** Returns whether the calling thread uses this memory and is in the space. */
    private boolean isIn() {
        LinearAccess accesses = access;
        return accesses != null && accesses.memory().isMine();
    }

    /**
     * Makes the thread of a guest the user of this memory. Returns false if it is the user already, because then it has
     * temporarily left the space, or calls within a step between two calls.
     */
    private boolean claim(Guest entered) {
        int caller = entered.number();
        // Pairs with free: this thread sees all that the last user did with the memory.
        int other = (int) USER.compareAndExchange(this, NOBODY, caller);
        if (other != NOBODY && other != caller && !(other == BETWEEN && outside == Thread.currentThread())) {
            throw new IllegalStateException(userNow() + " uses " + this + "; another thread uses a view of it");
        }
        return other == NOBODY;
    }

    /** Names the user, which may end its use at this moment. */
    private String userNow() {
        LinearAccess accesses = access;
        Thread left = outside;
        if (accesses != null) {
            return "the " + accesses.memory();
        }
        return left == null ? "another call" : "thread " + left.getName();
    }

    /**
     * Makes the calling thread the user of this memory for a step between two calls, so that only calls of this thread
     * start in the meantime. {@link #freeBetweenCalls} follows.
     *
     * @throws IllegalStateException if a thread uses this memory, even the calling one
     */
    final void claimBetweenCalls() {
        // Pairs with free, as in claim.
        if (!USER.compareAndSet(this, NOBODY, BETWEEN)) {
            throw new IllegalStateException("a call uses " + this);
        }
        outside = Thread.currentThread();
    }

    /** Ends {@link #claimBetweenCalls}. */
    final void freeBetweenCalls() {
        outside = null;
        // Release: after the step. Pairs with claim.
        USER.setRelease(this, NOBODY);
    }

    /** Makes the accesses of the calling thread, which claimed this memory, use its guest. */
    private void use(Guest entered) {
        entered.leaveForCalls();
        access = LinearAccess.of(entered.memory(), exceptions);
    }

    /**
     * Ends {@link #use} and {@link #claim}. Cannot fail by a stack overflow, because the entry of the space reserved
     * stack for more calls than this method makes.
     */
    private void free(boolean isFirst) {
        access = null;
        if (isFirst) {
            // Release: after all that the thread did with the memory. Pairs with claim.
            USER.setRelease(this, NOBODY);
        }
    }

    /** Returns the accesses of the calling thread, which must be in the space. */
    private LinearAccess opened() {
        LinearAccess accesses = access;
        if (accesses == null) {
            throw new IllegalStateException("no thread uses " + this);
        }
        return accesses;
    }

    /** Polls, and returns the accesses of the calling thread, which must be in the space. */
    final LinearAccess entered() {
        return opened().polled();
    }

    /**
     * Brings the calling thread back into GUEST after a call that may have waited. Does nothing if the thread is
     * outside the space.
     */
    final void back() {
        LinearAccess accesses = access;
        if (accesses != null && isIn()) {
            accesses.poll();
        }
    }

    /**
     * Returns the number of pages, of 64 KiB each.
     *
     * @return the current size
     */
    public abstract int pages();

    @Override
    public String toString() {
        return "memory of " + pages() + " pages in " + space;
    }
}
