// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.maple.Cursor;
import dev.samara.maple.MapleTree;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the method {@code covered} of docs/range-tree.md, with a store between any two steps of its walk. */
public final class CoveredIndexesTest {
    private final MapleTree<String> tree = new MapleTree<>();

    @TempDir
    private Path output;

    /** A cursor, with the methods that the tested method uses. */
    public static final class Walk {
        private final Cursor<String> cursor;
        private final Queue<Runnable> stores;

        Walk(Cursor<String> cursor, List<Runnable> stores) {
            this.cursor = cursor;
            this.stores = new ArrayDeque<>(stores);
        }

        /** Like {@link Cursor#find}. */
        public @Nullable Object find(long index) {
            return cursor.find(index);
        }

        /** Like {@link Cursor#next}, after the next store. */
        public @Nullable Object next() {
            Runnable store = stores.poll();
            if (store != null) {
                store.run();
            }
            return cursor.next();
        }

        /** Like {@link Cursor#first}. */
        public long first() {
            return cursor.first();
        }

        /** Like {@link Cursor#last}. */
        public long last() {
            return cursor.last();
        }
    }

    private Runnable store(long first, long last) {
        return () -> tree.store(first, last, "moved");
    }

    private long covered(long first, long last, Runnable... stores) throws IOException, ReflectiveOperationException {
        String block = new DocumentedProgram("docs/range-tree.md")
                .blocks("java").stream()
                        .filter(each -> each.contains("long covered("))
                        .findFirst()
                        .orElseThrow();
        String cursor = "Cursor<?> cursor";
        assertTrue(block.contains(cursor), block);
        String source = "public class Covered { public "
                + block.substring(block.indexOf("static long"))
                        .replace(cursor, Walk.class.getCanonicalName() + " cursor")
                + "}";
        DocumentedProgram.compile("Covered", source, output);
        try (URLClassLoader loader = new URLClassLoader(
                new URL[] {output.toUri().toURL()}, getClass().getClassLoader())) {
            Method covered = loader.loadClass("Covered").getMethod("covered", Walk.class, long.class, long.class);
            return (long) covered.invoke(null, new Walk(tree.cursor(), List.of(stores)), first, last);
        }
    }

    @BeforeEach
    void cover() {
        tree.store(0, 499, "lower");
        tree.store(500, 999, "upper");
    }

    @Test
    @DisplayName("counts each index once, though entries that the walk has passed become part of the next ones")
    void growing() throws IOException, ReflectiveOperationException {
        assertEquals(1000, covered(0, 999, store(200, 899), store(0, 999)));
    }

    @Test
    @DisplayName("counts nothing above its range, though the next entry begins within it")
    void beyond() throws IOException, ReflectiveOperationException {
        assertEquals(300, covered(100, 399, store(300, 899), store(0, 999)));
    }

    @Test
    @DisplayName("counts to the highest index")
    void highest() throws IOException, ReflectiveOperationException {
        tree.store(-100, -1, "top");
        assertEquals(1200, covered(0, -1, store(0, 700), store(-200, -1)));
    }
}
