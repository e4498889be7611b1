-- Whether there are users. No row: this is the first start.
select id from users limit 1
