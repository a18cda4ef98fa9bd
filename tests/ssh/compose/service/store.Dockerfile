FROM scratch
COPY busybox /bin/busybox
STOPSIGNAL SIGKILL
CMD ["/bin/busybox", "sleep", "1000000"]
