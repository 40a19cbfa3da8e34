// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.List;

/** The indexes by name. */
public final class Indexes {
    /** Samara's tree. */
    public static final String SAMARA = "samara";

    /** Samara's tree, read through a snapshot. */
    public static final String SAMARA_SNAPSHOT = "samara-snapshot";

    /** Samara's tree, read through a reader, by one thread. */
    public static final String SAMARA_READER = "samara-reader";

    /** {@code ConcurrentSkipListMap}. */
    public static final String SKIPLIST = "skiplist";

    /** {@code TreeMap} with a {@code ReentrantReadWriteLock}. */
    public static final String TREEMAP_RWLOCK = "treemap-rwlock";

    /** {@code TreeMap} with a {@code StampedLock}. */
    public static final String TREEMAP_STAMPED = "treemap-stamped";

    /** Guava's {@code TreeRangeMap} with a {@code ReentrantReadWriteLock}. */
    public static final String GUAVA_RWLOCK = "guava-rwlock";

    /** fastutil's {@code Long2ObjectAVLTreeMap} with a {@code ReentrantReadWriteLock}. */
    public static final String FASTUTIL_RWLOCK = "fastutil-rwlock";

    /** H2's {@code MVMap}. */
    public static final String MVSTORE = "mvstore";

    /** A sorted array, copied on write. */
    public static final String COW_ARRAY = "cow-array";

    /** Guava's {@code ImmutableRangeMap}, which is never changed. */
    public static final String GUAVA_IMMUTABLE = "guava-immutable";

    /** Lodborg's interval tree with a {@code ReentrantReadWriteLock}. */
    public static final String INTERVAL_TREE_RWLOCK = "interval-tree-rwlock";

    /** A sorted array, copied on write, for values of any type. */
    public static final String COW_ARRAY_GENERIC = "cow-array-generic";

    /** All names. */
    public static final List<String> NAMES = List.of(
            SAMARA,
            SAMARA_SNAPSHOT,
            SAMARA_READER,
            SKIPLIST,
            TREEMAP_RWLOCK,
            TREEMAP_STAMPED,
            GUAVA_RWLOCK,
            FASTUTIL_RWLOCK,
            MVSTORE,
            COW_ARRAY,
            GUAVA_IMMUTABLE,
            INTERVAL_TREE_RWLOCK,
            COW_ARRAY_GENERIC);

    private Indexes() {}

    /**
     * Returns a new, empty index.
     *
     * @param name its name
     * @return the index
     */
    public static RangeIndex named(String name) {
        return switch (name) {
            case SAMARA -> new SamaraIndex();
            case SAMARA_SNAPSHOT -> new SamaraSnapshotIndex();
            case SAMARA_READER -> new SamaraReaderIndex();
            case SKIPLIST -> new SkipListIndex();
            case TREEMAP_RWLOCK -> new TreeMapIndex();
            case TREEMAP_STAMPED -> new StampedTreeMapIndex();
            case GUAVA_RWLOCK -> new GuavaIndex();
            case FASTUTIL_RWLOCK -> new FastutilIndex();
            case MVSTORE -> new MvStoreIndex();
            case COW_ARRAY -> new CowArrayIndex();
            case GUAVA_IMMUTABLE -> new GuavaImmutableIndex();
            case INTERVAL_TREE_RWLOCK -> new IntervalTreeIndex();
            case COW_ARRAY_GENERIC -> new CowMapIndex();
            default -> throw new IllegalArgumentException("no index is called " + name + "; there are " + NAMES);
        };
    }

    /**
     * Returns a new, empty index that supports more than lookups.
     *
     * @param <T> the additional type, e.g. {@link EditableIndex}
     * @param name its name
     * @param ability the class of that type
     * @return the index
     */
    public static <T> T named(String name, Class<T> ability) {
        RangeIndex index = named(name);
        if (!ability.isInstance(index)) {
            throw new IllegalArgumentException(name + " is not " + ability.getSimpleName());
        }
        return ability.cast(index);
    }
}
