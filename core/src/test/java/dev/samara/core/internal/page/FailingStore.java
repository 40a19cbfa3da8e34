// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** Frames of which one call is made to fail, before it has done anything. For one thread. */
public final class FailingStore {
    /** The exception of a planted failure. */
    public static final class Failure extends Error {
        private static final long serialVersionUID = 1L;

        Failure(String method) {
            super(method);
        }
    }

    private final FrameStore store;
    private String method = "";
    private int left;
    private boolean isAfterwards;

    /** Fails in front of another store. */
    public FailingStore(FrameStore frames) {
        store = (FrameStore) Proxy.newProxyInstance(
                FrameStore.class.getClassLoader(), new Class<?>[] {FrameStore.class}, (proxy, called, arguments) -> {
                    boolean fails = called.getName().equals(method) && left-- == 0;
                    if (fails && !isAfterwards) {
                        throw new Failure(method);
                    }
                    try {
                        Object result = called.invoke(frames, arguments);
                        if (fails) {
                            throw new Failure(method);
                        }
                        return result;
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                });
    }

    /** The frames. */
    public FrameStore store() {
        return store;
    }

    /** Has a call fail. */
    public void fail(String name, int callsBefore) {
        method = name;
        left = callsBefore;
        isAfterwards = false;
    }

    /** Has the next call fail after it has done everything. */
    public void failAfter(String name) {
        fail(name, 0);
        isAfterwards = true;
    }

    /** Whether no call will fail any more. */
    public boolean isOver() {
        return left < 0;
    }
}
