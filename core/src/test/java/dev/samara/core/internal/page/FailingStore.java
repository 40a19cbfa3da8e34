// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** Frames that make one call fail, before or after it took effect. Not thread-safe. */
public final class FailingStore {
    /** Thrown by a planted failure. */
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

    /** Creates a store that fails in front of another one. */
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

    /** Returns the frames. */
    public FrameStore store() {
        return store;
    }

    /** Makes a call fail before it takes effect. */
    public void fail(String name, int callsBefore) {
        method = name;
        left = callsBefore;
        isAfterwards = false;
    }

    /** Makes the next call fail after it took effect. */
    public void failAfter(String name) {
        fail(name, 0);
        isAfterwards = true;
    }

    /** Returns whether no further call will fail. */
    public boolean isOver() {
        return left < 0;
    }
}
