// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile.FileThread;
import java.security.SecureRandom;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** One of the devices {@code null}, {@code zero}, {@code full}, {@code random} and {@code urandom}. */
public final class DeviceFile extends GuestFile {
    private static final String FOLDER = "/dev/";

    /** The devices, with their inode numbers as the order. */
    private enum Device {
        NULL(5),
        ZERO(6),
        FULL(7),
        RANDOM(8),
        URANDOM(9);

        private final int inode;

        Device(int inode) {
            this.inode = inode;
        }
    }

    private static final SecureRandom RANDOM = new SecureRandom();

    private final Device device;

    private DeviceFile(String path, int flags, Device device) {
        super(path, flags);
        this.device = device;
    }

    /** Opens a device by its path; returns null if there is none. */
    public static @Nullable DeviceFile open(String path, int flags) {
        if (!path.startsWith(FOLDER)) {
            return null;
        }
        for (Device each : Device.values()) {
            if (path.substring(FOLDER.length()).equals(each.name().toLowerCase(Locale.ROOT))) {
                return new DeviceFile(path, flags, each);
            }
        }
        return null;
    }

    /** Fills an array with random bytes. */
    public static void fillRandomly(byte[] bytes) {
        RANDOM.nextBytes(bytes);
    }

    @Override
    public long read(FileThread thread, long offset, int length, ReadTarget target) {
        if (device == Device.NULL || length == 0) {
            return 0;
        }
        byte[] bytes = new byte[length];
        if (device == Device.RANDOM || device == Device.URANDOM) {
            fillRandomly(bytes);
        }
        return taken(target.put(bytes, length));
    }

    @Override
    public long write(FileThread thread, long offset, long length, WriteSource source) {
        return device == Device.FULL ? LinuxErrno.ENOSPC : length;
    }

    @Override
    public long seek(long offset, int from) {
        return 0;
    }

    /** Returns whether a mapping of this device is anonymous memory. */
    public boolean isZero() {
        return device == Device.ZERO;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(FileStatus.CHARACTERS | 0666, device.inode, 0);
    }
}
